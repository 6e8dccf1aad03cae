"""Numbers that figures and the report show: means over trials, operating ranges, changes of parameters, tests of difference."""
