package machine

import (
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// promotion is the running Promote or Demote of the application.
type promotion struct {
	id     uint64 // 0: none is running
	demote bool
	// answered: its time is over and the application knows, but the call has not
	// returned. Nothing else may begin until then, or until the link is lost.
	answered bool
}

func (m *Machine) askPromote(id uint64) { m.askPromotion(promotion{id: id}, CallPromote) }

// askDemote leaves the promotion. Without one there is nothing to do.
func (m *Machine) askDemote(id uint64) {
	if m.state == observer.StateConnected && !m.promoted && m.promotion.id == 0 {
		m.answer(id, Done, status.Status{})
		return
	}
	m.askPromotion(promotion{id: id, demote: true}, CallDemote)
}

func (m *Machine) askPromotion(p promotion, call EffectKind) {
	switch {
	case m.state != observer.StateConnected:
		m.answer(p.id, NotConnected, status.Status{})
	case m.abilities&CanPromote == 0:
		m.answer(p.id, Unsupported, status.Status{})
	case m.promotion.id != 0:
		m.answer(p.id, Busy, status.Status{})
	default:
		m.promotion = p
		m.arm(tPromotion, m.cfg.ConnectTimeout)
		m.do(Effect{Kind: call, Epoch: m.epoch, ID: p.id})
	}
}

// promotionDone takes the end of the running operation. A demotion holds even
// if the other side did not acknowledge it.
func (m *Machine) promotionDone(in Input) {
	if m.promotion.id == 0 || in.ID != m.promotion.id {
		return
	}
	p := m.promotion
	m.promotion = promotion{}
	m.timers.clear(tPromotion)
	switch {
	case p.demote:
		m.demoteAsAsked()
	case in.Status.IsZero() && !in.Unsupported:
		m.promoted = true // also too late: the server counts it as promoted
		m.tell(observer.Promoted{Header: m.here()})
	}
	if !p.answered {
		m.answerDone(p.id, in)
	}
}

func (m *Machine) demoteAsAsked() {
	if !m.promoted {
		return
	}
	m.promoted = false
	m.tell(observer.Demoted{Header: m.here(), Initiator: observer.ByApplication})
}

func (m *Machine) answerDone(id uint64, in Input) {
	switch {
	case in.Unsupported:
		m.answer(id, Unsupported, status.Status{})
	case !in.Status.IsZero():
		m.answer(id, Failed, in.Status)
	default:
		m.answer(id, Done, status.Status{})
	}
}

func (m *Machine) promotionTimedOut() {
	m.do(Effect{Kind: CancelPromotion, Epoch: m.epoch})
	if m.promotion.demote {
		m.demoteAsAsked()
	}
	m.promotion.answered = true
	m.answer(m.promotion.id, Failed, status.New(status.TaskFailed, errTimeout("promotion", m.cfg.ConnectTimeout)))
}

// dropPromotion answers the running operation when its link is given up.
func (m *Machine) dropPromotion() {
	if m.promotion.id == 0 {
		return
	}
	m.do(Effect{Kind: CancelPromotion, Epoch: m.epoch})
	if !m.promotion.answered {
		m.answer(m.promotion.id, Lost, m.trouble.last)
	}
	m.promotion = promotion{}
	m.timers.clear(tPromotion)
}

func (m *Machine) answer(id uint64, o Outcome, st status.Status) {
	m.do(Effect{Kind: Settle, ID: id, Outcome: o, Status: st})
}
