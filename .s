'No tests in repository'
