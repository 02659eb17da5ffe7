"""What was promised, held to: costs, exactness, and that nothing comes to harm; a module a promise."""
