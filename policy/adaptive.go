package policy

import "github.com/cenkalti/backoff/v4"

// newAdaptive is the backoff of Default. To be replaced by AdaptiveJitter.
func newAdaptive(random func() float64) backoff.BackOff { return referenceBackOff(random) }
