package health

import "time"

// Monitor condenses reports into Data, by the rules of the reference. The zero
// value takes every report but signal strength, as a stopped one does; Start
// makes it complete. Plain copies share the minute windows: copy with Clone.
//
// Besides the data it remembers the totals of the last report and whether any
// traffic was ever seen. That memory outlives Reset, because the counters
// it is compared with belong to the media stack: the first report after a
// reconnect usually shows fallen totals and is rejected once.
type Monitor struct {
	data        Data
	started     bool
	bytes, stun uint64 // totals of the last report, accepted or not
	seen        bool   // an accepted report has shown traffic; never cleared
}

// Start makes the monitor listen to signal strength. The first Start also sets
// the connection start to now if nothing has set it before; a later one changes
// no data.
func (m *Monitor) Start(now time.Duration) {
	m.started = true
	if m.data.ConnectionStart.IsZero() {
		m.data.start(now)
	}
}

// Stop makes the monitor ignore signal strength, and that alone (reference).
func (m *Monitor) Stop() { m.started = false }

// Reset forgets what is known about the connection and starts a new one now, as
// a reconnect does. It neither starts nor stops the monitor.
func (m *Monitor) Reset(now time.Duration) {
	m.data = Data{}
	m.data.start(now)
}

// SetStart moves the connection start, and with it the last good signal, to now.
func (m *Monitor) SetStart(now time.Duration) { m.data.start(now) }

// Data gives the evidence collected so far. The pointer leads into the monitor:
// it stays valid and shows later changes; copy what is to be kept.
func (m *Monitor) Data() *Data { return &m.data }

// Clone gives an independent copy.
func (m *Monitor) Clone() Monitor {
	c := *m
	c.data.AudioReceived = m.data.AudioReceived.Clone()
	c.data.AudioLoss = m.data.AudioLoss.Clone()
	return c
}

// Sample takes in one metrics report.
//
// A report is accepted unless a received-audio figure is absent or negative, or
// a running total has fallen. A rejected one changes nothing but the speaker
// delay and the totals to compare with (reference). The result traffic says that
// an accepted report showed new inbound bytes or STUN messages: a sign of life.
func (m *Monitor) Sample(now time.Duration, s Sample) (accepted, traffic bool) {
	grew, fell := m.compareTotals(s.BytesReceived, s.STUNMessages)
	if delay, ok := s.SpeakerDelay.Get(); ok {
		m.data.SpeakerDelay = delay
	}
	received, loss, ok := audio(&s)
	if !ok || fell {
		return false, false
	}
	m.data.noteAudio(now, received, loss)
	m.data.countPackets(grew, m.seen)
	m.data.countSent(s.AudioPacketsSent)
	m.data.noteVideo(&s.Video)
	m.data.ContentShare, m.data.PublishedVideoSources = s.ContentShare, s.PublishedVideoSources
	m.seen = m.seen || grew
	return true, grew
}

// compareTotals stores the totals and says whether one grew or fell since the
// last report.
func (m *Monitor) compareTotals(bytes, stun uint64) (grew, fell bool) {
	grew = bytes > m.bytes || stun > m.stun
	fell = bytes < m.bytes || stun < m.stun
	m.bytes, m.stun = bytes, stun
	return grew, fell
}

// audio gives the received-audio figures, false if one of them is unusable.
func audio(s *Sample) (received, loss float64, ok bool) {
	received, hasReceived := s.AudioPacketsReceived.Get()
	loss, hasLoss := s.AudioLoss.Get()
	return received, loss, hasReceived && hasLoss && received >= 0 && loss >= 0
}

// Pong notes an answered ping, whether or not the monitor is started.
func (m *Monitor) Pong() { m.data.MissedPongs = 0 }

// MissedPong notes a ping that was not answered in time, whether or not the
// monitor is started.
func (m *Monitor) MissedPong() { m.data.MissedPongs++ }

// Signal notes a signal strength between 0, none, and 1; up to 0.5 is weak
// (reference). Below 0 counts as none. It says whether the report was taken: a
// stopped monitor takes none, and what is not finite is no strength.
func (m *Monitor) Signal(now time.Duration, strength float64) bool {
	if !m.started || !isFinite(strength) {
		return false
	}
	switch {
	case strength <= 0:
		m.data.LastNoSignal = At(now)
	case strength <= 0.5:
		m.data.LastWeak = At(now)
	default:
		m.data.LastGood = At(now)
	}
	return true
}
