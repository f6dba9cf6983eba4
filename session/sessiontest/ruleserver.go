package sessiontest

import "strings"

// serverRules are about what the server does.
var serverRules = []transportRule{
	{
		name:     "server-drops",
		contract: "a link that the server closes reports it, by Reporter.Closed or Reporter.Status",
		advice:   "report the error that ends the reader: r.Closed(status.LayerSignaling, err)",
		needs:    []hook{needsDrop},
		check:    serverDrops,
	},
	{
		name:     "server-vanishes",
		contract: "of a server that has vanished nothing is reported as a sign of life, and that it is gone can be noticed: by a report, by pings or probes without an answer, or by packets that no longer come in",
		advice:   "answer no ping by yourself, call Alive for what comes in and not for what goes out, and implement session.Pinger",
		needs:    []hook{needsVanish},
		check:    serverVanishes,
	},
}

func serverDrops(t *trial) {
	s := t.open()
	s.pulse(everything)
	losses := s.losses()
	t.Drop()
	if !holds(t.Patience, func() bool { return s.losses() > losses }) {
		t.breaks("%v after the server had closed the link nothing was reported of that", t.Patience)
	}
}

func serverVanishes(t *trial) {
	s := t.open()
	before, signs := s.pulse(everything), s.signs()
	t.hush(never)
	lives := before != 0 || s.signs() > signs
	losses := s.losses()
	t.Vanish()
	t.hush(never) // what was under way arrives
	n, signs := s.count(), s.signs()
	for range tries {
		s.askBoth()
		t.hush(func() bool { return s.signs() > signs })
	}
	switch {
	case s.signs() > signs:
		t.breaks("the server has vanished, and it was reported: %s", strings.Join(s.since(n), ", "))
	case !lives && !holds(t.Patience, func() bool { return s.losses() > losses }):
		t.breaks("%v after the server had vanished nothing was reported, and the link can neither ping nor probe", t.Patience)
	}
}
