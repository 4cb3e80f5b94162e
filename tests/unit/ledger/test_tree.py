from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.ledger import tree

# the leaves, roots and paths that Certificate Transparency's implementations are tested with
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}


def leaves(count: int) -> list[bytes]:
    return [tree.leaf_hash(bytes.fromhex(text)) for text in LEAVES[:count]]


def many(count: int) -> list[bytes]:
    return [tree.leaf_hash(str(number).encode()) for number in range(count)]


def naive(nodes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if not nodes:
        return hashlib.sha256(b"").digest()
    if len(nodes) == 1:
        return nodes[0]
    k = 1
    while k * 2 < len(nodes):
        k *= 2
    return hashlib.sha256(b"\x01" + naive(nodes[:k]) + naive(nodes[k:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_the_published_ones(size: int) -> None:
    assert tree.root_of(leaves(size)).hex() == ROOTS[size - 1]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert tree.root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_the_inclusion_proofs_are_the_published_ones(index: int, size: int) -> None:
    assert [step.hex() for step in tree.inclusion_proof(index, leaves(size))] == PATHS[index, size]


def test_every_leaf_of_every_small_tree_can_be_proven_and_nothing_else_can() -> None:
    for size in range(1, 41):
        nodes = many(size)
        root = tree.root_of(nodes)
        for index in range(size):
            proof = tree.inclusion_proof(index, nodes)
            assert tree.verify_inclusion(nodes[index], index, size, proof, root)
            assert not tree.verify_inclusion(tree.leaf_hash(b"other"), index, size, proof, root)
            assert not tree.verify_inclusion(nodes[index], (index + 1) % size, size, proof, root) or size == 1
            assert not tree.verify_inclusion(nodes[index], index, size, [*proof, root], root)
            assert not tree.verify_inclusion(nodes[index], index, size, proof[:-1], root) or not proof
            assert not tree.verify_inclusion(nodes[index], index, size, proof, tree.EMPTY)


@pytest.mark.parametrize("index", [-1, 3, 100])
def test_an_index_outside_of_the_tree_proves_nothing(index: int) -> None:
    assert not tree.verify_inclusion(many(1)[0], index, 3, [], tree.root_of(many(3)))


@given(st.integers(min_value=0, max_value=300))
def test_the_frontier_knows_the_same_root_as_the_whole_tree(size: int) -> None:
    assert tree.root_of(many(size)) == naive(many(size))


def test_the_frontier_is_as_long_as_the_size_has_ones() -> None:
    frontier: list[bytes] = []
    for size, leaf in enumerate(many(130)):
        frontier = tree.append(frontier, size, leaf)
        assert len(frontier) == (size + 1).bit_count()


def test_a_leaf_can_never_pass_for_a_node() -> None:
    left, right = many(2)
    assert tree.leaf_hash(left + right) != tree.node_hash(left, right)
