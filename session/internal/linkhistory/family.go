package linkhistory

import "time"

// Family is a kind of history: healthy for ever, or ended by a death.
type Family struct {
	Name string
	// Deadly says that each trial ends with a death.
	Deadly bool
	shape  func(w *world) // gives a world its weather
	death  death
}

// Families lists all of them, the healthy ones first.
func Families() []Family {
	return append(healthy(), deadly()...)
}

// Find gives the family of that name, false if there is none.
func Find(name string) (Family, bool) {
	for _, f := range Families() {
		if f.Name == name {
			return f, true
		}
	}
	return Family{}, false
}

func healthy() []Family {
	of := func(c Content) Family { return Family{Name: c.String(), shape: func(w *world) { w.hold(c) }} }
	mixed := func(name string, shape func(w *world)) Family {
		return Family{Name: name, shape: func(w *world) {
			wanders := &wander{20 * time.Minute}
			w.befall(wanders.change(w), wanders)
			shape(w)
		}}
	}
	clean := of(Talk)
	clean.Name = "clean"
	return []Family{
		clean, of(DTX), of(Mute), of(Alone), of(ReceiveOnly), of(NoTracks),
		mixed("loss-1", losing(0.01)), mixed("loss-5", losing(0.05)), mixed("loss-10", losing(0.1)), mixed("loss-30", losing(0.3)),
		mixed("bursts", bursting), mixed("jitter", jittering), mixed("bufferbloat", bloating), mixed("roaming", gapping),
		mixed("stalls", stalling), mixed("pause-queued", pausing(false)), mixed("pause-dropped", pausing(true)),
		mixed("sleep", sleeping), mixed("lost-samples", deafening), mixed("rtt-steps", stepping), mixed("everything", everything),
	}
}

func deadly() []Family {
	of := func(name string, d death) Family { return Family{Name: name, Deadly: true, death: d} }
	lossy := func(f Family) Family {
		f.Name += "-lossy"
		f.shape = losing(0.05)
		return f
	}
	media := of("media-dead", death{up: MediaDead, down: MediaDead})
	signaling := of("signaling-dead", death{up: SignalingDead, down: SignalingDead})
	both := of("both-dead", death{up: BothDead, down: BothDead})
	return []Family{
		media, signaling, both,
		of("inbound-dead", death{down: BothDead}), of("outbound-dead", death{up: BothDead}),
		of("nat-rebinding", death{up: SignalingDead, down: BothDead, answered: MediaDead}),
		of("server-crash", death{up: BothDead, down: BothDead}),
		lossy(media), lossy(signaling), lossy(both),
	}
}
