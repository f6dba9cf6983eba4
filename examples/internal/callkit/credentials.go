package callkit

// Accept makes a token valid from now on, for everyone and whatever
// ServerOptions.Check says of it.
func (s *Server) Accept(t Token) { s.judge(t, true) }

// Revoke makes a token invalid from now on. Whoever was let in with it stays, but
// cannot come back with it.
func (s *Server) Revoke(t Token) { s.judge(t, false) }

func (s *Server) judge(t Token, valid bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepts[t] = valid
}

// Presented says how often a token was presented so far: with a join, a resume or a
// promotion, whatever came of it.
func (s *Server) Presented(t Token) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.presented[t]
}

// trusts says whether the token of a request is valid. The caller holds mu.
func (s *Server) trusts(m Message) bool {
	if valid, judged := s.accepts[m.Token]; judged {
		return valid
	}
	return s.o.Check == nil || s.o.Check(m.Attendee, m.Token)
}

// revoked takes note of a token and says whether it was revoked.
func (s *Server) revoked(t Token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.presented[t]++
	valid, judged := s.accepts[t]
	return judged && !valid
}
