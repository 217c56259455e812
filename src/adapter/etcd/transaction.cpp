#include "adapter/etcd/transaction.hpp"

namespace haven::adapter::etcd {

etcdserverpb::TxnRequest request_of(const port::Transaction& transaction) {
  etcdserverpb::TxnRequest request;
  for (const auto& compare : transaction.compares) {
    auto& c = *request.add_compare();
    c.set_target(etcdserverpb::Compare::MOD);
    c.set_result(etcdserverpb::Compare::EQUAL);
    c.set_key(compare.key);
    c.set_mod_revision(compare.mod.count);
  }
  for (const auto& operation : transaction.operations) {
    auto& op = *request.add_success();
    if (const auto* put = std::get_if<port::Put>(&operation)) {
      op.mutable_request_put()->set_key(put->key);
      op.mutable_request_put()->set_value(put->value);
      op.mutable_request_put()->set_lease(put->lease.id);
    } else {
      op.mutable_request_delete_range()->set_key(std::get<port::Delete>(operation).key);
    }
  }
  if (transaction.operations.empty()) {
    // etcd takes a transaction without operations for a serializable read, answered from what the member happens to
    // know. One range that asks for a linearizable read makes the whole of it one; what it finds is of no interest.
    auto& range = *request.add_success()->mutable_request_range();
    range.set_key(transaction.compares.empty() ? std::string(1, '\0') : transaction.compares.front().key);
    range.set_count_only(true);
  }
  return request;
}

}  // namespace haven::adapter::etcd
