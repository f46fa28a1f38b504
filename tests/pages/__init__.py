"""Every page as a user sees it, without a browser: jobs run inline, so each click ends in a result."""
