"""What is said of people from the tests of several participants."""
