package pionlink_test

import (
	"context"
	"errors"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/pionlink"
)

// A transport that makes a link of a peer connection. The signaling is the
// application's and left out.
func Example() {
	_ = session.Config{Transport: &transport{tap: pionlink.NewTap(nil)}}
}

type transport struct{ tap *pionlink.Tap }

func (t *transport) Connect(ctx context.Context, _ session.Attempt, r *session.Reporter) (session.Link, error) {
	var engine webrtc.SettingEngine
	t.tap.Prepare(&engine)
	codecs, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := errors.Join(codecs.RegisterDefaultCodecs(), webrtc.RegisterDefaultInterceptors(codecs, registry)); err != nil {
		return nil, err
	}
	registry.Add(t.tap) // counts the audio
	api := webrtc.NewAPI(webrtc.WithSettingEngine(engine), webrtc.WithMediaEngine(codecs),
		webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	l := &link{pc: pc, media: pionlink.Watch(pc, r, pionlink.Options{Tap: t.tap})}
	pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { l.media.Check() }) // optional: saves up to 200 ms
	if err := l.join(ctx); err != nil {
		return nil, errors.Join(err, l.Close(ctx))
	}
	return l, nil
}

type link struct {
	pc    *webrtc.PeerConnection
	media *pionlink.Media
}

// ProbeMedia makes it a session.MediaProber.
func (l *link) ProbeMedia(ctx context.Context, id uint64) error { return l.media.ProbeMedia(ctx, id) }

// RestartMedia makes the media path anew.
func (l *link) RestartMedia(ctx context.Context, _ session.Attempt) error {
	return l.media.Restart(ctx, l.ask)
}

// Close ends the reports before it closes what they are about.
func (l *link) Close(context.Context) error {
	l.media.Close()
	return l.pc.GracefulClose()
}

// join signals and waits until the media is connected.
func (l *link) join(context.Context) error { return nil }

// ask sends an offer to the server and gives its answer.
func (l *link) ask(context.Context, webrtc.SessionDescription) (webrtc.SessionDescription, error) {
	return webrtc.SessionDescription{}, errors.ErrUnsupported
}

var (
	_ session.Transport      = (*transport)(nil)
	_ session.MediaProber    = (*link)(nil)
	_ session.MediaRestarter = (*link)(nil)
)
