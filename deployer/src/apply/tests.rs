//! Applying, against scripted answers.
