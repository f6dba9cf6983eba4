package machine

import (
	"context"

	"github.com/looplab/fsm"

	"github.com/holdfast-go/holdfast/observer"
)

// The events of the transition table.
const (
	evStart     = "start"
	evEstablish = "establish"
	evInterrupt = "interrupt"
	evRecover   = "recover"
	evStop      = "stop"
)

// transitions is the only place that says what may follow what. Whatever the
// machine wants to do is refused if it is not here.
var transitions = fsm.Events{
	{Name: evStart, Src: []string{string(observer.StateIdle)}, Dst: string(observer.StateConnecting)},
	{Name: evEstablish, Src: []string{string(observer.StateConnecting)}, Dst: string(observer.StateConnected)},
	{Name: evInterrupt, Src: []string{string(observer.StateConnected)}, Dst: string(observer.StateReconnecting)},
	{Name: evRecover, Src: []string{string(observer.StateReconnecting)}, Dst: string(observer.StateConnected)},
	{Name: evStop, Src: []string{
		string(observer.StateIdle), string(observer.StateConnecting),
		string(observer.StateConnected), string(observer.StateReconnecting),
	}, Dst: string(observer.StateStopped)},
}

// transition asks the table where an event leads from a state. A fresh FSM per
// call keeps a Machine a plain value that can be copied, and costs a few
// microseconds at the rate of a few transitions an outage. The context is the
// background's because a cancelled one would leave the FSM in transition.
func transition(table fsm.Events, from observer.State, event string) (observer.State, bool) {
	f := fsm.NewFSM(string(from), table, nil)
	if err := f.Event(context.Background(), event); err != nil {
		return from, false
	}
	return observer.State(f.Current()), true
}

// Diagram draws the transition table as a Mermaid state diagram, seen from a
// session that was not started.
func Diagram() string {
	f := fsm.NewFSM(string(observer.StateIdle), transitions, nil)
	// The error is for unknown graph types only.
	out, _ := fsm.VisualizeForMermaidWithGraphType(f, fsm.StateDiagram)
	return out
}
