#include "sim/operator_desk.hpp"

#include <utility>

namespace haven::sim {

Havend* OperatorDesk::someone() const {
  for (const auto& havend : havends_) {
    if (havend->alive() && havend->machine().runs() && engine_.serves(havend->machine().index())) return havend.get();
  }
  return nullptr;
}

void OperatorDesk::order(const Order& order) { ask({order, 0}); }

void OperatorDesk::again(Asked asked) {
  if (++asked.tries >= kOperatorTries) return;
  queue_.after(kOperatorRetry, [this, asked = std::move(asked)] { ask(asked); });
}

void OperatorDesk::ask(Asked asked) {
  Havend* havend = someone();
  if (havend == nullptr) return again(std::move(asked));
  OperatorAsked question;
  question.question = {++last_};
  question.verb = asked.order.verb;
  question.resource = asked.order.resource;
  question.host = asked.order.host;
  question.name = asked.order.name;
  question.by = "operator";
  open_[question.question] = std::move(asked);
  queue_.after(kOperatorPatience, [this, id = question.question] { answered(id, false, "no answer"); });
  havend->tell(question);
}

void OperatorDesk::answered(CallId question, bool ok, const std::string&) {
  auto asked = open_.extract(question);
  if (!asked.empty() && !ok) again(std::move(asked.mapped()));
}

void OperatorDesk::change_spec(Change change) { try_change(change, 0); }

void OperatorDesk::try_change(const Change& change, int tries) {
  const auto* entry = engine_.store().find(path::kSpec);
  const auto* record = entry == nullptr ? nullptr : std::get_if<SpecRecord>(&entry->value);
  if (record != nullptr && someone() != nullptr) {
    RecordStore::Transaction transaction;
    transaction.compares.push_back({path::kSpec, entry->mod});
    const auto spec = std::make_shared<const Spec>(change(*record->spec));
    transaction.operations.emplace_back(RecordStore::Put{path::kSpec, SpecRecord{spec}, {}});
    if (engine_.commit(transaction).outcome == port::Outcome::committed) return;
  }
  if (tries + 1 >= kOperatorTries) return;
  queue_.after(kOperatorRetry, [this, change, tries] { try_change(change, tries + 1); });
}

}  // namespace haven::sim
