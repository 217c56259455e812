#include "sim/operator_desk.hpp"

#include <algorithm>
#include <utility>

namespace haven::sim {
namespace {

// Of two orders with the same subject the later one counts.
std::string subject_of(const Order& order) {
  switch (order.verb) {
    case OperatorVerb::start:
    case OperatorVerb::stop:
    case OperatorVerb::disable:
    case OperatorVerb::ignore:
      return "run " + order.resource.str();
    case OperatorVerb::freeze:
    case OperatorVerb::thaw:
      return "freeze " + order.name;
    case OperatorVerb::maintain:
    case OperatorVerb::resume:
      return "service " + order.host.str();
    case OperatorVerb::clear:
    case OperatorVerb::relocate:
    case OperatorVerb::migrate:
    case OperatorVerb::stay:
    case OperatorVerb::fence_confirm:
    case OperatorVerb::fence_test:
    case OperatorVerb::hand_back:
    case OperatorVerb::hand_finish:
      break;
  }
  return "";
}

}  // namespace

Havend* OperatorDesk::someone() const {
  for (const auto& havend : havends_) {
    if (havend->alive() && havend->machine().runs() && engine_.serves(havend->machine().index())) return havend.get();
  }
  return nullptr;
}

void OperatorDesk::order(const Order& order) {
  const std::uint64_t word = ++last_;
  if (const std::string subject = subject_of(order); !subject.empty()) words_[subject] = {order, word, false};
  ask({order, word, 0});
}

std::vector<Order> OperatorDesk::standing() const {
  std::vector<Order> orders;
  for (const auto& [subject, word] : words_)
    if (word.accepted) orders.push_back(word.order);
  return orders;
}

void OperatorDesk::again(Asked asked) {
  // What was true when he looked need not be any more: a boot that lived then may have lost its lease.
  if (asked.order.verb == OperatorVerb::fence_confirm) return;
  if (++asked.tries >= kOperatorTries) return;
  queue_.after(kOperatorRetry, [this, asked = std::move(asked)] { ask(asked); });
}

void OperatorDesk::ask(Asked asked) {
  // Nobody says again what he has thought better of.
  const auto word = words_.find(subject_of(asked.order));
  if (word != words_.end() && word->second.word != asked.word) return;
  Havend* havend = someone();
  if (havend == nullptr) return again(std::move(asked));
  OperatorAsked question;
  question.question = {++last_};
  question.verb = asked.order.verb;
  question.resource = asked.order.resource;
  question.host = asked.order.host;
  question.name = asked.order.name;
  question.by = "operator";
  question.unprotected = !asked.order.protected_only;
  open_[question.question] = std::move(asked);
  queue_.after(kOperatorPatience, [this, id = question.question] { answered(id, false, "no answer"); });
  havend->tell(question);
}

void OperatorDesk::answered(CallId question, bool ok, const std::string&) {
  auto asked = open_.extract(question);
  if (asked.empty()) return;
  if (!ok) return again(std::move(asked.mapped()));
  const std::string subject = subject_of(asked.mapped().order);
  // Of two that are asked at once, which comes last is anybody's guess.
  const bool alone =
      std::ranges::none_of(open_, [&](const auto& other) { return subject_of(other.second.order) == subject; });
  const auto word = words_.find(subject);
  if (alone && word != words_.end() && word->second.word == asked.mapped().word) word->second.accepted = true;
}

void OperatorDesk::change_spec(Change change) {
  changes_.push_back(std::move(change));
  if (changes_.size() == 1) try_change(0);
}

void OperatorDesk::forget_gone(const Spec& before, const Spec& after) {
  for (const Resource& resource : before.resources)
    if (after.resource(resource.name) == nullptr) words_.erase("run " + resource.name.str());
}

void OperatorDesk::try_change(int tries) {
  const auto* entry = engine_.store().find(path::kSpec);
  const auto* record = entry == nullptr ? nullptr : std::get_if<SpecRecord>(&entry->value);
  bool done = false;
  if (record != nullptr && someone() != nullptr) {
    RecordStore::Transaction transaction;
    transaction.compares.push_back({path::kSpec, entry->mod});
    const auto before = record->spec;
    const auto spec = std::make_shared<const Spec>(changes_.front()(*before));
    transaction.operations.emplace_back(RecordStore::Put{path::kSpec, SpecRecord{spec}, {}});
    done = engine_.commit(transaction).outcome == port::Outcome::committed;
    if (done) forget_gone(*before, *spec);
  }
  if (!done && tries + 1 < kOperatorTries) {
    queue_.after(kOperatorRetry, [this, tries] { try_change(tries + 1); });
    return;
  }
  changes_.pop_front();
  if (!changes_.empty()) try_change(0);
}

}  // namespace haven::sim
