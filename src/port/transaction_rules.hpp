// What every engine refuses whatever it holds (PROTOCOL E1), so that all engines refuse alike.
#pragma once

#include <algorithm>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "port/engine.hpp"

namespace haven::port {

// What a compare or an operation weighs besides its key and value: above anything that etcd's encoding adds, so that
// what passes here also passes etcd's own limit on the encoded request.
inline constexpr std::size_t kItemBytes = 64;

// Why this transaction can never be committed; empty: nothing speaks against trying it. For port::Transaction and for
// what is made like it; values other than text weigh nothing.
template <class AnyTransaction>
[[nodiscard]] std::string reason_to_refuse(const AnyTransaction& transaction) {
  if (transaction.compares.size() > kMaxCompares) return "more than 128 compares in one transaction";
  if (transaction.operations.size() > kMaxOperations) return "more than 128 operations in one transaction";
  std::size_t bytes = 0;
  bool empty_key = false;
  for (const auto& compare : transaction.compares) {
    bytes += kItemBytes + compare.key.size();
    empty_key = empty_key || compare.key.empty();
  }
  std::vector<std::string_view> written;
  written.reserve(transaction.operations.size());
  for (const auto& operation : transaction.operations) {
    std::visit(
        [&](const auto& o) {
          if constexpr (requires {
                          { o.value } -> std::convertible_to<std::string_view>;
                        })
            bytes += o.value.size();
          bytes += kItemBytes + o.key.size();
          empty_key = empty_key || o.key.empty();
          written.push_back(o.key);
        },
        operation);
  }
  if (empty_key) return "an empty key";
  if (bytes > kMaxTransactionBytes) return "more than 1.5 MiB in one transaction";
  std::sort(written.begin(), written.end());
  const auto twice = std::adjacent_find(written.begin(), written.end());
  if (twice != written.end()) return "key " + std::string(*twice) + " is written twice in one transaction";
  return {};
}

}  // namespace haven::port
