package sessiontest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// The server refuses twice and works then. The recorded events are printed
// without times, because an example runs in real time.
func Example() {
	tr := sessiontest.Script(sessiontest.Fail(status.AudioServiceUnavailable).Times(2))
	var rec sessiontest.Recorder
	s, err := session.New(sessiontest.Quick(tr, &rec))
	if err != nil {
		panic(err)
	}

	fmt.Println("start:", s.Start(context.Background()))
	_ = s.Close()

	fmt.Print(sessiontest.Format{Untimed: true}.Text(rec.Events()))
	// Output:
	// start: <nil>
	// 1 e0 idle>connecting Connecting
	// 2 e1 connecting AttemptStarted number=1 level=rejoin
	// 3 e1 connecting AttemptFailed number=1 status=AudioServiceUnavailable
	// 4 e1 connecting RetryScheduled status=AudioServiceUnavailable rule="delay"
	// 5 e2 connecting AttemptStarted number=2 level=rejoin cause=AudioServiceUnavailable
	// 6 e2 connecting AttemptFailed number=2 status=AudioServiceUnavailable
	// 7 e2 connecting RetryScheduled status=AudioServiceUnavailable rule="delay"
	// 8 e3 connecting AttemptStarted number=3 level=rejoin cause=AudioServiceUnavailable
	// 9 e3 connecting>connected Connected attempts=3
	// 10 e3 connected>stopped Stopped status=Left by=application rule="stop asked" attempts=0
}

// A participant is removed from the call. The loss of the socket that follows
// is noise.
func ExampleTransport_Report() {
	var tr sessiontest.Transport
	s, err := session.New(sessiontest.Quick(&tr))
	if err != nil {
		panic(err)
	}
	if err := s.Start(context.Background()); err != nil {
		panic(err)
	}

	tr.Report(sessiontest.Newest, status.AudioAttendeeRemoved)
	tr.Closed(sessiontest.Newest, status.LayerSignaling, errors.New("connection reset"))
	<-s.Done()

	fmt.Println("removed:", errors.Is(s.Err(), status.AudioAttendeeRemoved))
	fmt.Println(tr.Snapshot())
	// Output:
	// removed: true
	// attempts 1, opened [1], closed [1], open []
}

// The application leaves while the session is in the middle of a reconnect.
func ExampleTransport_WaitHanging() {
	tr := sessiontest.Script(sessiontest.OK(), sessiontest.Hang("ICE gathering"))
	var rec sessiontest.Recorder
	s, err := session.New(sessiontest.Quick(tr, &rec))
	if err != nil {
		panic(err)
	}
	if err := s.Start(context.Background()); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	tr.Closed(sessiontest.Newest, status.LayerMedia, errors.New("the network is gone"))
	fmt.Println("hanging:", tr.WaitHanging(ctx, "ICE gathering"))
	s.Stop()
	mark := tr.Mark()
	<-s.Done()

	stopped, _ := sessiontest.Last[observer.Stopped](&rec)
	fmt.Println(stopped.Status.Code.String(), "by", stopped.Initiator, "while", stopped.From)
	fmt.Println("attempts after Stop:", len(mark.Attempts()))
	fmt.Println(tr.Snapshot())
	// Output:
	// hanging: <nil>
	// Left by application while reconnecting
	// attempts after Stop: 0
	// attempts 2, opened [1], closed [1], open []
}

// The server lets the session back in, but no media flows over the new link: it
// is given up, and the next one works.
func ExampleLink() {
	silent := sessiontest.Link{Probe: sessiontest.Nothing()}
	works := sessiontest.Link{Probe: sessiontest.OK()}
	tr := sessiontest.Script(sessiontest.OK(), sessiontest.OK().With(silent), sessiontest.OK().With(works))
	var rec sessiontest.Recorder
	cfg := sessiontest.Quick(tr, &rec)
	cfg.ProofTimeout = 100 * time.Millisecond
	s, err := session.New(cfg)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Start(ctx); err != nil {
		panic(err)
	}

	tr.Report(sessiontest.Newest, status.SignalingInternalServerError)
	_, err = rec.Wait(ctx, "Recovered")
	fmt.Println("recovered:", err)
	_ = s.Close()

	fmt.Print(sessiontest.Format{Untimed: true}.Text(rec.Events()[3:]))
	// Output:
	// recovered: <nil>
	// 4 e1 connected>reconnecting Reconnecting cause=SignalingInternalServerError
	// 5 e1 reconnecting RetryScheduled status=SignalingInternalServerError rule="delay"
	// 6 e2 reconnecting AttemptStarted number=1 level=rejoin cause=SignalingInternalServerError
	// 7 e2 reconnecting AttemptFailed number=1 status=ConnectionHealthReconnect,media
	// 8 e2 reconnecting RetryScheduled status=ConnectionHealthReconnect,media rule="delay"
	// 9 e3 reconnecting AttemptStarted number=2 level=rejoin cause=ConnectionHealthReconnect,media
	// 10 e3 reconnecting MediaProven
	// 11 e3 reconnecting>connected Connected attempts=2
	// 12 e3 connected Recovered attempts=2 level=rejoin first=SignalingInternalServerError last=ConnectionHealthReconnect,media
	// 13 e3 connected>stopped Stopped status=Left by=application rule="stop asked" attempts=0
}

// A recorder reads events in the order in which a test cares about them.
func ExampleRecorder_Wait() {
	var tr sessiontest.Transport
	var rec sessiontest.Recorder
	s, err := session.New(sessiontest.Quick(&tr, &rec))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Start(ctx); err != nil {
		panic(err)
	}

	for range 2 {
		tr.Report(sessiontest.Newest, status.SignalingInternalServerError)
		e, err := rec.Wait(ctx, "Recovered")
		if err != nil {
			panic(err)
		}
		fmt.Println(e.(observer.Recovered).Outage.First.Code.String(), "in epoch", e.Head().Epoch)
	}
	_ = s.Close()
	_, err = rec.Wait(ctx, "Recovered")
	fmt.Println(errors.Is(err, status.Left))
	// Output:
	// SignalingInternalServerError in epoch 2
	// SignalingInternalServerError in epoch 3
	// true
}
