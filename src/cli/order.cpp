// Orders about one resource or host.
#include <cstdlib>
#include <iostream>

#include "cli/commands.hpp"

namespace haven::cli {

// Who we are havend knows from the kernel.
std::string on_behalf_of() {
  const char* user = std::getenv("SUDO_USER");
  return user == nullptr ? "" : user;
}

bool typed_name(const std::string& host) {
  std::cerr << "Type the host's name to confirm that " << host << " is off: " << std::flush;
  std::string typed;
  std::getline(std::cin, typed);
  return typed == host;
}

int order(const Client& client, const Output& output, const Order& order) {
  if (order.force) {
    if (!typed_name(order.host))
      return output.fail(trouble(kBadInput, "that is not " + order.host, "", "the host's name"));
  }
  const auto done = client.post("/v1/operator", {{"verb", order.verb},
                                                 {"resource", order.resource},
                                                 {"host", order.host},
                                                 {"by", on_behalf_of()},
                                                 {"force", order.force}});
  if (!done) return output.fail(done.error());
  output.line(done->at("text").get<std::string>());
  output.object({{"ok", true}, {"text", done->at("text")}});
  return kDone;
}

}  // namespace haven::cli
