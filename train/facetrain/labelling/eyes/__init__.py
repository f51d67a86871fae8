"""Labels of single eyes from packs, clips, a mesh teacher and rendered heads."""
