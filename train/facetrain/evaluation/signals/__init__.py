"""Evaluation of blinks, speech, smiles and yawns on labelled and rendered clips."""
