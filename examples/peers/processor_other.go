//go:build !unix

package main

import "time"

// processorTime is not known on this system.
func processorTime() (used time.Duration, known bool) { return 0, false }
