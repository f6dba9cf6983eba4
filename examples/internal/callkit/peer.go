package callkit

import (
	"context"
	"net"

	"github.com/holdfast-go/holdfast/session/pionlink"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// Loopback keeps media on this machine: UDP over IPv4 on loopback addresses
// only, and no multicast DNS. The address filter is needed as well as the
// loopback candidates, since without it Pion adds the other addresses of the
// machine and may pick one of those.
func Loopback(e *webrtc.SettingEngine) {
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	e.SetIncludeLoopbackCandidate(true)
	e.SetIPFilter(net.IP.IsLoopback)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
}

// newPeer makes a peer connection on loopback, with changes by media if that is
// not nil.
func newPeer(media func(*webrtc.SettingEngine)) (*webrtc.PeerConnection, error) {
	e := engine(media)
	return webrtc.NewAPI(webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{})
}

// newTapped is newPeer for the client's side: with a tap, the peer connection can
// be watched.
func newTapped(tap *pionlink.Tap, media func(*webrtc.SettingEngine)) (*webrtc.PeerConnection, error) {
	e := engine(tap.Prepare, media)
	m, r := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	if err := webrtc.RegisterDefaultInterceptors(m, r); err != nil {
		return nil, err
	}
	r.Add(tap)
	return webrtc.NewAPI(webrtc.WithSettingEngine(e), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r)).
		NewPeerConnection(webrtc.Configuration{})
}

func engine(changes ...func(*webrtc.SettingEngine)) (e webrtc.SettingEngine) {
	Loopback(&e)
	for _, change := range changes {
		if change != nil {
			change(&e)
		}
	}
	return e
}

// describe sets what create gives (an offer or an answer) as the local
// description and returns it as SDP once all candidates are in it. Sending
// candidates one by one would win nothing where gathering takes a millisecond,
// and a remote candidate that overtakes its description is lost.
func describe(ctx context.Context, pc *webrtc.PeerConnection, create func() (webrtc.SessionDescription, error)) (string, error) {
	d, err := create()
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(d); err != nil {
		return "", err
	}
	select {
	case <-gathered:
		return pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func offer(ctx context.Context, pc *webrtc.PeerConnection) (string, error) {
	return describe(ctx, pc, func() (webrtc.SessionDescription, error) { return pc.CreateOffer(nil) })
}

// answer takes the remote offer and gives the local answer.
func answer(ctx context.Context, pc *webrtc.PeerConnection, sdp string) (string, error) {
	remote := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdp}
	if err := pc.SetRemoteDescription(remote); err != nil {
		return "", err
	}
	return describe(ctx, pc, func() (webrtc.SessionDescription, error) { return pc.CreateAnswer(nil) })
}

// accept takes the remote answer.
func accept(pc *webrtc.PeerConnection, sdp string) error {
	return pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp})
}

// takeBack makes up for an offer without an answer, so that there may be another:
// the last description of the other side answers it. Pion has no rollback.
func takeBack(pc *webrtc.PeerConnection) {
	if last := pc.CurrentRemoteDescription(); last != nil && pc.SignalingState() == webrtc.SignalingStateHaveLocalOffer {
		_ = accept(pc, last.SDP) // the next offer fails if this does
	}
}
