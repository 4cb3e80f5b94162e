"""What a proof leaves: a signed word that the undo of exactly these bytes brought real hosts back."""
