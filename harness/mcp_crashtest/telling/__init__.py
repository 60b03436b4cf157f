"""What a run or a session shows, told as plain data: lives, calls, stairs, stories. Pure; whoever draws only draws."""
