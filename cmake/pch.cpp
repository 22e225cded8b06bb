// Carries the precompiled headers; holds nothing itself.
