// The network links of the two that take part in a replacement (recovery/succession.hpp): the claim says how they are
// to be, an inspection how they are, the run record what was seen. Of what starts under a claim that says down the
// links are down from the first moment on; so that a record of it, once written, stays true until the next turn.
#include <algorithm>

#include "core/executor_case.hpp"

namespace haven::acting {
namespace {

bool can_be_told(DomainCondition condition) {
  switch (condition) {
    case DomainCondition::running:
    case DomainCondition::paused:
    case DomainCondition::paused_io_error:
      return true;
    case DomainCondition::starting:
    case DomainCondition::crashed:
    case DomainCondition::in_migration:
      break;
  }
  return false;
}

// An order to put its links up may still be carried out: of a turn before this one, by libvirt's own delay.
bool may_still_come_up(const Case& c) {
  if (c.claim->links.turn < 2) return false;  // nobody ever ordered that
  const Instant last = std::max(c.host.began.value_or(Instant{}), c.local.links_unanswered.value_or(Instant{}));
  return !c.pass.due(last + kLinksOrderLasts);
}

void record(const Case& c) {
  RunRecord run = *c.run;
  run.links_turn = c.claim->links.turn;
  c.pass.act(run_commit(c, run));
}

bool recorded(const Case& c) { return c.run == nullptr || c.run->links_turn == c.claim->links.turn; }

}  // namespace

void keep_links(const Case& c) {
  const Links& wanted = c.claim->links;
  const Local& l = c.local;
  if (wanted.turn == 0 || l.links_in_flight || !l.domain || !can_be_told(*l.domain)) return;
  // Taken down before that, it would stand without links all the while.
  if (!wanted.up && !recorded(c) && may_still_come_up(c)) return;
  if (l.linked == wanted.up) {
    if (!recorded(c) && in_touch(c)) record(c);
    return;
  }
  if (wanted.up && !in_touch(c)) return;
  const bool again = l.links_sent && l.links_asked == wanted.up;
  if (!again || c.pass.due(*l.links_sent + kLinksRetry))
    c.pass.act(SetLinks{c.resource.name, wanted.up, kLinksTimeout});
}

bool records_absent_links(const Case& c) {
  if (c.claim->links.up || recorded(c) || !in_touch(c) || may_still_come_up(c)) return false;
  record(c);
  return true;
}

}  // namespace haven::acting
