"""Learning from another model beside the labels: the teacher and its terms, and cases without labels."""
