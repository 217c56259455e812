#include "core/recovery/case.hpp"

#include <algorithm>
#include <utility>

namespace haven::stepping {

Case look_up(const View& view, const ControllerState& state, const Resource& resource, Placement& placement,
             const SelfView& self, bool may_mend, PassSoFar& so_far, Pass& pass) {
  Case c{view, state, resource, placement, self, may_mend, so_far, pass};
  if (const auto it = view.claims.find(resource.name); it != view.claims.end()) c.claim = &it->second.value;
  if (const auto it = view.orders.find(resource.name); it != view.orders.end()) c.order = &it->second.value;
  const auto run = view.runs.find(resource.name);
  if (c.claim != nullptr && run != view.runs.end() && run->second.value.generation == c.claim->generation)
    c.run = &run->second.value;
  c.owner_alive = c.claim != nullptr && holds_member_key(view, c.claim->host, c.claim->incarnation) &&
                  !proved_dead(view, c.claim->host, c.claim->incarnation);
  c.closed = claim_closed(view, resource.name);
  return c;
}

JournalRecord entry(const Case& c, JournalKind kind, const HostName& host, std::string why) {
  JournalRecord record;
  record.at = c.pass.now().wall;
  record.by = c.self.host;
  record.kind = kind;
  record.resource = c.resource.name;
  record.host = host;
  record.why = std::move(why);
  return record;
}

ClaimMove claim_write(const Case& c, const ClaimRecord& claim, std::optional<JournalRecord> journal) {
  const ResourceName& name = c.resource.name;
  ClaimMove move;
  for (const auto& path : {path::claim(name), path::run(name), path::order(name)})
    move.checks.push_back({path, c.view.mod_of(path)});
  move.checks.push_back({path::member(claim.host), c.view.mod_of(path::member(claim.host))});
  move.writes.push_back({path::claim(name), claim, {}});
  if (journal) move.writes.push_back({path::kNewJournal, *journal, {}});
  return move;
}

void strike_order(ClaimMove& move, const Case& c) {
  if (c.order == nullptr) return;
  OrderRecord lasting;
  lasting.state = c.order->state;
  if (lasting == *c.order) return;
  move.writes.push_back(order_write(c.resource.name, lasting));
}

Generation next_generation(const Case& c) {
  if (c.claim == nullptr) return Generation{1};
  Generation highest = std::max(c.claim->generation, c.claim->spent);
  if (c.claim->migrating_to) highest = std::max(highest, c.claim->migrating_to->generation);
  return highest.next();
}

ClaimRecord new_claim(const Case& c, const HostName& host, const Attempts& attempts) {
  ClaimRecord claim;
  claim.host = host;
  claim.incarnation = member_of(c.view, host)->incarnation;
  claim.generation = next_generation(c);
  claim.attempts = attempts;
  claim.epoch = epoch_of(c.view);
  claim.links = links_of_new_claim(c);
  return claim;
}

}  // namespace haven::stepping
