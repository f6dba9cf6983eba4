// Package pionlink turns a Pion PeerConnection into evidence for a session: it
// tells a session's Reporter what comes in on the media path, in which state that
// is, and what audio does, and it asks the path for a sign of life on demand.
//
// Make a [Tap] for the API that makes the peer connections, and a [Media] for
// each of those:
//
//	tap := pionlink.NewTap(nil)
//	var engine webrtc.SettingEngine
//	tap.Prepare(&engine)       // media probes, and settings of ICE that fit
//	registry.Add(tap)          // audio figures; an interceptor.Registry
//	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(engine), webrtc.WithInterceptorRegistry(registry)).
//		NewPeerConnection(webrtc.Configuration{})
//	media := pionlink.Watch(pc, reporter, pionlink.Options{Tap: tap})
//	defer media.Close() // before pc.Close
//
// A link gets the session's media probes by a method ProbeMedia that calls
// [Media.ProbeMedia], and can restart ICE with [Media.Restart].
//
// # What it takes from Pion
//
// Every 200 ms it asks for the statistics of the selected candidate pair. The full
// statistics of a PeerConnection are not used: those of v4.2 know nothing of what is
// sent, and asking for them races with a PeerConnection that the other side closes.
// The audio packets are counted by the Tap instead, which is an interceptor for
// that; without it samples have no audio figures, and a health.Monitor wants them.
//
// It sets none of the handlers of a PeerConnection (OnConnectionStateChange and so
// on), of which there is one each: they stay the application's. States are seen
// with the next look, or at once if the application's handler calls [Media.Check].
package pionlink
