package linkhistory

import "time"

// losing loses that share at random, in each direction.
func losing(share float64) func(w *world) {
	return func(w *world) { w.up.loss, w.down.loss = share, share }
}

func bursting(w *world) {
	w.befall(exponential(w.fate, 30*time.Second), &bursts{mean: 30 * time.Second, longest: 1500 * time.Millisecond})
}

func jittering(w *world) {
	w.up.jitter = between(w.fate, 100*time.Millisecond, 500*time.Millisecond)
	w.down.jitter = between(w.fate, 100*time.Millisecond, 500*time.Millisecond)
}

func bloating(w *world) {
	w.befall(exponential(w.fate, time.Minute), &bloat{mean: time.Minute, least: time.Second, most: 3 * time.Second})
}

func gapping(w *world) {
	w.befall(exponential(w.fate, 3*time.Minute), &roaming{mean: 3 * time.Minute, longest: 6 * time.Second})
}

func stalling(w *world) {
	w.befall(exponential(w.fate, 3*time.Minute), &stalls{mean: 3 * time.Minute, longest: 30 * time.Second, storms: true})
}

func pausing(drops bool) func(w *world) {
	return func(w *world) {
		w.stands = oneIn(w.fate, 2)
		w.befall(exponential(w.fate, 4*time.Minute), &pauses{mean: 4 * time.Minute, longest: time.Minute, drops: drops})
	}
}

func sleeping(w *world) {
	w.stands = oneIn(w.fate, 2)
	w.befall(between(w.fate, time.Minute, 20*time.Minute), &sleep{mean: 20 * time.Minute})
}

func deafening(w *world) { w.client.polls, w.client.deaf = true, 0.3 }

func stepping(w *world) {
	w.befall(0, &steps{mean: time.Minute})
	w.befall(exponential(w.fate, 5*time.Minute), &ntp{mean: 5 * time.Minute})
}

// everything is all of them together, each in a moderate form.
func everything(w *world) {
	w.stands = oneIn(w.fate, 2)
	w.up.loss, w.down.loss = 0.01, 0.01
	w.up.jitter, w.down.jitter = 100*time.Millisecond, 100*time.Millisecond
	w.befall(exponential(w.fate, time.Minute), &bursts{mean: time.Minute, longest: time.Second})
	w.befall(exponential(w.fate, 3*time.Minute), &bloat{mean: 3 * time.Minute, least: 500 * time.Millisecond, most: 1500 * time.Millisecond})
	w.befall(exponential(w.fate, 10*time.Minute), &roaming{mean: 10 * time.Minute, longest: 3 * time.Second})
	w.befall(exponential(w.fate, 10*time.Minute), &stalls{mean: 10 * time.Minute, longest: 10 * time.Second, storms: true})
	w.befall(exponential(w.fate, 20*time.Minute), &pauses{mean: 20 * time.Minute, longest: 15 * time.Second})
	w.befall(exponential(w.fate, 5*time.Minute), &steps{mean: 5 * time.Minute})
	w.befall(exponential(w.fate, 10*time.Minute), &ntp{mean: 10 * time.Minute})
}
