#include "core/placement/placement.hpp"

#include <algorithm>
#include <utility>

#include "core/placement/ledger.hpp"

namespace haven {
namespace {

std::string unknown(const ResourceName& resource) { return resource.str() + " is not in the cluster file"; }

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
  if (const auto h = ledger_->topology.find(host)) ledger_->set_refusal(*h, std::move(reason));
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
    for (const auto& host : ledger.spec.hosts) choice.refusals.push_back({host.name, unknown(resource)});
    return choice;
  }
  const auto query = ledger.query(*r, avoid, occasion);
  const auto best = ledger.best(query);
  if (best) choice.host = ledger.topology.name(*best);
  const auto told = best ? std::min(kRefusalsOfTheChosen, ledger.topology.hosts()) : ledger.topology.hosts();
  for (std::size_t h = 0; h < told; ++h)
    if (auto why = ledger.refusal(query, h); !why.empty())
      choice.refusals.push_back({ledger.topology.name(h), std::move(why)});
  return choice;
}

std::string Placement::refusal(const ResourceName& resource, const HostName& host, const std::vector<Refusal>& avoid,
                               Occasion occasion) const {
  const auto r = ledger_->resource(resource);
  const auto h = ledger_->topology.find(host);
  if (!r) return unknown(resource);
  if (!h) return "there is no such host";
  return ledger_->refusal(ledger_->query(*r, avoid, occasion), *h);
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
  return ledger_->rank(*r, *h);
}

std::optional<Placement::Liking> Placement::liking(const ResourceName& resource, const HostName& host) const {
  const auto r = ledger_->resource(resource);
  const auto h = ledger_->topology.find(host);
  if (!r || !h || !ledger_->rank(*r, *h)) return std::nullopt;
  const auto score = ledger_->score(ledger_->query(*r, {}, Occasion::start), *h);
  return Liking{std::get<0>(score), std::get<1>(score), std::get<2>(score)};
}

}  // namespace haven
