#include "core/placement/placement.hpp"

#include <tuple>
#include <utility>

#include "core/placement/ledger.hpp"

namespace haven {
namespace {

using Score = std::tuple<bool, int, std::size_t, std::size_t, std::int64_t, HostName>;  // least is best

}  // namespace

Placement::Placement(const Spec& spec, const std::vector<HostView>& hosts)
    // Not owned: the caller keeps it.
    : Placement(std::make_shared<const Roster>(std::shared_ptr<const Spec>(std::shared_ptr<const Spec>(), &spec)),
                hosts) {}
Placement::Placement(std::shared_ptr<const Roster> roster, const std::vector<HostView>& hosts)
    : ledger_(std::make_unique<Ledger>(std::move(roster), hosts)) {}
Placement::~Placement() = default;
Placement::Placement(Placement&&) noexcept = default;
Placement& Placement::operator=(Placement&&) noexcept = default;

void Placement::book(const ResourceName& resource, const HostName& host) {
  const auto r = ledger_->resource(resource);
  const auto h = ledger_->topology.find(host);
  if (r && h) ledger_->book(*r, *h, 1);
}

void Placement::release(const ResourceName& resource, const HostName& host) {
  const auto r = ledger_->resource(resource);
  const auto h = ledger_->topology.find(host);
  if (r && h) ledger_->book(*r, *h, -1);
}

void Placement::set_refusal(const HostName& host, std::string reason) {
  if (const auto h = ledger_->topology.find(host)) ledger_->unusable[*h] = std::move(reason);
}

void Placement::set_others(const HostName& host, Footprint others) {
  if (const auto h = ledger_->topology.find(host)) ledger_->set_others(*h, others);
}

void Placement::begin_trial() { ledger_->trial.emplace(); }

void Placement::end_trial() {
  auto trial = std::exchange(ledger_->trial, std::nullopt);
  if (!trial) return;
  for (auto made = trial->rbegin(); made != trial->rend(); ++made)
    ledger_->book(made->resource, made->host, -made->sign);
}

Choice Placement::choose(const ResourceName& resource, const std::vector<Refusal>& avoid, Occasion occasion) const {
  const auto& ledger = *ledger_;
  Choice choice;
  const auto r = ledger.resource(resource);
  if (!r) {
    for (const auto& host : ledger.spec.hosts)
      choice.refusals.push_back({host.name, resource.str() + " is not in the cluster file"});
    return choice;
  }
  std::vector<std::string> avoided(ledger.topology.hosts());
  for (const auto& a : avoid)
    if (const auto h = ledger.topology.find(a.host)) avoided[*h] = a.reason.empty() ? "avoided" : a.reason;
  const auto eligible = ledger.topology.eligible(ledger.spec.resources[*r].hosts);
  const auto ranks = ledger.ranks(*r);
  const auto idle_set = ledger.unbooked_set(*r, true);
  const auto whole_set = ledger.unbooked_set(*r, false);
  std::optional<Score> best;
  for (std::size_t h = 0; h < ledger.topology.hosts(); ++h) {
    auto why = ledger.refusal(*r, h, eligible, avoided[h], occasion);
    if (why.empty() && idle_set.size() > 1 && !ledger.set_fits(idle_set, h, occasion))
      why = ledger.set_refusal(idle_set, h, occasion);
    if (!why.empty()) {
      choice.refusals.push_back({ledger.topology.name(h), why});
      continue;
    }
    const bool strands = whole_set.size() > idle_set.size() && !ledger.set_fits(whole_set, h, occasion);
    Score score{strands,
                *ranks[h],
                ledger.broken_preferences(*r, h),
                ledger.siblings(*r, h),
                -ledger.free_for(*r, h, occasion).memory.count,
                ledger.topology.name(h)};
    if (!best || score < *best) best = std::move(score);
  }
  if (best) choice.host = std::get<HostName>(*best);
  return choice;
}

std::vector<std::string> Placement::broken_rules(const ResourceName& resource, const HostName& host) const {
  std::vector<std::string> sentences;
  const auto r = ledger_->resource(resource);
  const auto h = ledger_->topology.find(host);
  if (!r || !h) return sentences;
  for (const auto i : ledger_->rules[*r])
    if (ledger_->spec.rules[i].strict)
      if (auto sentence = ledger_->broken(i, *r, *h); !sentence.empty()) sentences.push_back(std::move(sentence));
  return sentences;
}

std::optional<int> Placement::preference(const ResourceName& resource, const HostName& host) const {
  const auto r = ledger_->resource(resource);
  const auto h = ledger_->topology.find(host);
  if (!r || !h) return std::nullopt;
  return ledger_->ranks(*r)[*h];
}

}  // namespace haven
