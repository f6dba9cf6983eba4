// Package image writes what a value holds as JSON, unexported fields and those of
// other packages included, and puts it back. It is how a recording begins in the
// middle of a session's life: with all that the core remembers at that moment.
//
// Reflection does that in one place. The alternative, a pair of functions beside
// every type that remembers something, is forgotten with the first new field. What
// is neither written nor skipped by name makes Form.Check fail, and a test with it.
package image
