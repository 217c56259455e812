#include "core/recovery/rounds.hpp"

namespace haven {
namespace {

// By the names' bytes: the same in every run, and no two guests go in step.
std::uint64_t mixed(std::uint64_t chance, const std::string& name) {
  for (const char c : name) chance = (chance ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return chance;
}

}  // namespace

void Rounds::forget_calls(Ward& ward) {
  for (const std::uint64_t number : ward.under_way) asked_.erase(number);
  ward.under_way.clear();
}

void Rounds::begin(const ResourceName& name, Ward& ward, Instant now) {
  forget_calls(ward);
  ward.checkup.reset();
  ward.told.reset();
  const auto known = by_name_.find(name);
  if (known == by_name_.end() || known->second->checks.empty()) return;
  ward.checkup.emplace(known->second->checks, now, mixed(chance_ + ward.life, name.str()));
  if (ward.how == Attendance::without_network) ward.checkup->set_network(false, now);
}

// Where it stands in the order of time, and whether there is anything new to tell.
void Rounds::settle(const ResourceName& name, Ward& ward) {
  const Instant next = ward.checkup ? ward.checkup->next() : kNever;
  if (ward.due != next) {
    if (ward.due != kNever) due_.erase({ward.due, name});
    if (next != kNever) due_.insert({next, name});
    ward.due = next;
  }
  if (!ward.checkup) return;
  Checkup::Verdict found = ward.checkup->verdict();
  const bool same = ward.told && ward.told->state == found.state && ward.told->hung == found.hung &&
                    ward.told->by_network == found.by_network;
  if (same || (!ward.told && found.state == Health::unknown)) return;
  ward.told = HealthSeen{name, ward.life, found.state, found.hung, found.by_network, std::move(found.why)};
  news_.push_back(*ward.told);
}

void Rounds::know(std::shared_ptr<const Spec> spec, Instant now) {
  spec_ = std::move(spec);
  by_name_.clear();
  if (spec_)
    for (const Resource& resource : spec_->resources) by_name_.emplace(resource.name, &resource);
  for (auto& [name, ward] : wards_) {
    const auto known = by_name_.find(name);
    const bool has = known != by_name_.end() && !known->second->checks.empty();
    const bool same = ward.checkup ? has && ward.checkup->checks() == known->second->checks : !has;
    if (same) continue;
    begin(name, ward, now);
    settle(name, ward);
  }
}

void Rounds::attend(const AttendGuest& order, Instant now) {
  const auto found = wards_.find(order.resource);
  if (order.how == Attendance::none) {
    if (found == wards_.end()) return;
    if (found->second.due != kNever) due_.erase({found->second.due, order.resource});
    forget_calls(found->second);
    wards_.erase(found);
    return;
  }
  const bool is_new = found == wards_.end() || found->second.life != order.life;
  Ward& ward = wards_[order.resource];
  ward.life = order.life;
  ward.how = order.how;
  if (is_new)
    begin(order.resource, ward, now);
  else if (ward.checkup)
    ward.checkup->set_network(order.how == Attendance::full, now);
  settle(order.resource, ward);
}

void Rounds::answer(std::uint64_t number, const CheckAnswer& answer, Instant now) {
  const auto asked = asked_.extract(number);
  if (asked.empty()) return;  // of a life that is over
  Ward& ward = wards_.at(asked.mapped().resource);
  ward.under_way.erase(number);
  ward.checkup->fold(asked.mapped().check, answer, now);
  settle(asked.mapped().resource, ward);
}

void Rounds::drop(std::uint64_t number, Instant now) {
  const auto asked = asked_.extract(number);
  if (asked.empty()) return;
  Ward& ward = wards_.at(asked.mapped().resource);
  ward.under_way.erase(number);
  ward.checkup->drop(asked.mapped().check, now);
  settle(asked.mapped().resource, ward);
}

std::vector<CheckCall> Rounds::take_due(Instant now, std::size_t room) {
  std::vector<CheckCall> calls;
  while (!due_.empty() && due_.begin()->first <= now && calls.size() < room) {
    const auto [due, name] = *due_.begin();
    Ward& ward = wards_.at(name);
    for (const std::size_t check : ward.checkup->take_due(now)) {
      asked_[++last_] = {name, check};
      ward.under_way.insert(last_);
      calls.push_back({last_, name, ward.checkup->checks()[check], due});
    }
    settle(name, ward);
  }
  return calls;
}

}  // namespace haven
