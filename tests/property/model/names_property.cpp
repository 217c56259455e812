// Names order by a key that is computed once; the order that people see is natural_order's.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "core/model/ids.hpp"

namespace haven {
namespace {

// Few characters, so that many texts begin alike: digits, zeros, their neighbours in ASCII, both ends of a byte.
rc::Gen<std::string> texts() {
  return rc::gen::container<std::string>(rc::gen::element('0', '0', '1', '9', '/', ':', 'a', '-', '\0', '\xff'));
}
rc::Gen<std::string> long_numbers() {
  return rc::gen::map(rc::gen::pair(rc::gen::inRange(0, 600), texts()),
                      [](const auto& parts) { return "h" + std::string(parts.first, '7') + parts.second; });
}

void orders_as_natural(const std::string& a, const std::string& b) {
  const HostName x{a}, y{b};
  RC_ASSERT((x <=> y) == natural_order(a, b));
  RC_ASSERT((x == y) == (a == b));
}

RC_GTEST_PROP(Names, OrderAsNaturalOrderDoes, ()) {
  const auto prefix = *texts();
  orders_as_natural(prefix + *texts(), prefix + *texts());
}

RC_GTEST_PROP(Names, OrderAsNaturalOrderDoesBeyondTheirKey, ()) {
  const auto prefix = *rc::gen::element<std::string>("", "a-long-common-beginning-of-names-", "0000000000000000000000");
  orders_as_natural(prefix + *texts(), prefix + *texts());
}

RC_GTEST_PROP(Names, OrderAsNaturalOrderDoesWithLongNumbers, ()) {
  orders_as_natural(*long_numbers(), *long_numbers());
}

}  // namespace
}  // namespace haven
