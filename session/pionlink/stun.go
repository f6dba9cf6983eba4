package pionlink

import (
	"encoding/binary"
	"math"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

// transaction is the id by which an answer names its request.
type transaction = [stun.TransactionIDSize]byte

const (
	stunHeader  = 20
	stunCookie  = 0x2112A442
	stunSuccess = 0x0101 // the types of an answer to a binding request
	stunError   = 0x0111
	hmacSHA1    = 20
)

// answers reads the transaction id of an answer to a binding request (RFC 8489
// section 5). It allocates nothing and costs an ordinary packet one comparison.
func answers(packet []byte) (id transaction, ok bool) {
	if len(packet) < stunHeader || packet[0] != stunSuccess>>8 {
		return id, false
	}
	switch binary.BigEndian.Uint16(packet) {
	case stunSuccess, stunError:
	default:
		return id, false
	}
	if binary.BigEndian.Uint32(packet[4:]) != stunCookie {
		return id, false
	}
	return transaction(packet[8:stunHeader]), true
}

// verdict is what an answer says.
type verdict uint8

const (
	agreed    verdict = iota
	otherRole         // both sides have the same role in ICE
	disagreed         // another error, which proves the path as well
)

// verify checks that an answer was made by who knows the password.
func verify(packet []byte, password string) (verdict, bool) {
	m := &stun.Message{Raw: append([]byte(nil), packet...)} // the check writes into it
	if m.Decode() != nil {
		return 0, false
	}
	if mac, err := m.Get(stun.AttrMessageIntegrity); err != nil || len(mac) != hmacSHA1 {
		return 0, false
	}
	if stun.NewShortTermIntegrity(password).Check(m) != nil {
		return 0, false
	}
	if m.Type.Class == stun.ClassSuccessResponse {
		return agreed, true
	}
	var code stun.ErrorCodeAttribute
	if code.GetFrom(m) == nil && code.Code == stun.CodeRoleConflict {
		return otherRole, true
	}
	return disagreed, true
}

// request makes the binding request that is a probe, as a connectivity check of
// ICE (RFC 8445 section 7.1), without the wish to nominate anything.
func request(id transaction, username, password string, priority uint32, controlling bool) ([]byte, error) {
	// The tie-breaker of Pion's agent is unknown. These make the other side answer
	// with an error, not change its role, should the two have the same one.
	var role stun.Setter = ice.AttrControlling(0)
	if !controlling {
		role = ice.AttrControlled(math.MaxUint64)
	}
	m, err := stun.Build(stun.BindingRequest, stun.NewTransactionIDSetter(id), stun.NewUsername(username), role,
		ice.PriorityAttr(reflexive(priority)), stun.NewShortTermIntegrity(password), stun.Fingerprint)
	if err != nil {
		return nil, err
	}
	return m.Raw, nil
}

// reflexive is the priority of a peer-reflexive candidate that the other side
// would find by a request of this candidate.
func reflexive(priority uint32) uint32 {
	const preference, below = 110, 1 << 24 // RFC 8445 sections 5.1.2.2 and 7.1.1
	return preference*below + priority%below
}
