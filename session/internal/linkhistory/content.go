package linkhistory

// Content is what goes on in a call.
type Content uint8

// The contents.
const (
	Talk        Content = iota // a packet each 20 ms, always
	DTX                        // silent half of the time, with comfort noise each 400 ms
	Mute                       // no RTP; RTCP and STUN go on
	Alone                      // the same: nobody else is there
	ReceiveOnly                // Talk, and the client sends nothing
	NoTracks                   // only STUN
	contents
)

// String names the content as the families do.
func (c Content) String() string {
	return [...]string{"talk", "dtx", "mute", "alone", "receive-only", "no-tracks"}[c]
}

// expectation is what a client declares that declares anything.
func (c Content) expectation() Expectation {
	switch c {
	case Talk, ReceiveOnly:
		return Media
	case NoTracks:
		return Nothing
	default:
		return Keepalives
	}
}

// packets says whether there are any of media.
func (c Content) packets() bool { return c == Talk || c == DTX || c == ReceiveOnly }
