// The orders about the links of the two that take part in a replacement (succession.hpp).
#include <algorithm>
#include <utility>

#include "core/placement/roster.hpp"
#include "core/recovery/case.hpp"
#include "core/recovery/succession.hpp"

namespace haven::stepping {
namespace {

// Nothing may have been said about the other one since: it is unlinked by what stands there.
void rest_on(ClaimMove& move, const Case& c, const ResourceName& other) {
  for (const std::string& path : {path::claim(other), path::run(other), path::arrival(other)})
    move.checks.push_back({path, c.view.mod_of(path)});
  const auto claim = c.view.claims.find(other);
  if (claim == c.view.claims.end()) return;
  const ClaimRecord& last = claim->second.value;
  const std::string proof = path::fence(last.host, last.incarnation);
  if (proved_dead(c.view, last.host, last.incarnation)) move.checks.push_back({proof, c.view.mod_of(proof)});
}

}  // namespace

Links links_of_new_claim(const Case& c) {
  const Links last = c.claim == nullptr ? Links{} : c.claim->links;
  const Roster& roster = c.view.roster();
  const std::size_t index = *roster.index(c.resource.name);
  const bool alone = roster.partner[index] == index;
  if (alone) return last.up ? last : Links{true, last.turn + 1};
  // Who takes it up anew knows nothing of the other's links.
  const bool unowned = c.claim == nullptr || c.claim->order == ClaimOrder::let_go;
  if (unowned) return {false, last.turn + 1};
  return last;
}

Step follow_links(const Case& c) {
  const Links& now = c.claim->links;
  const bool up = links_wanted(c.view, c.resource.name);
  if (up == now.up || c.claim->migrating_to) return {};
  const Roster& roster = c.view.roster();
  const std::size_t index = *roster.index(c.resource.name);
  const Resource& other = roster.spec->resources[roster.partner[index]];
  const bool alone = roster.partner[index] == index;
  if (up && !alone && !is_unlinked(c.view, other.name)) return {};
  ClaimRecord claim = *c.claim;
  claim.links = {up, now.turn + 1};
  Step step;
  step.move = claim_write(c, claim, std::nullopt);
  if (alone) return step;
  if (up) rest_on(*step.move, c, other.name);
  const std::string handover =
      path::handover(roster.spec->resources[roster.partner[index]].succession ? other.name : c.resource.name);
  step.move->checks.push_back({handover, c.view.mod_of(handover)});
  return step;
}

}  // namespace haven::stepping
