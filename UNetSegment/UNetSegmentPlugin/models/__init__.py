"""The models at hand: their list, their cards in words, and their licences."""
