"""How well the eye network places lids and irises, and tells lowered from shut eyes."""
