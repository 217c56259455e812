// Orders about one resource or host.
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "cli/commands.hpp"

namespace haven::cli {
namespace {

std::string who() {
  for (const char* variable : {"SUDO_USER", "PKEXEC_UID"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  const passwd* user = ::getpwuid(::getuid());
  return user == nullptr ? std::to_string(::getuid()) : user->pw_name;
}

}  // namespace

int order(const Client& client, const Output& output, const Order& order) {
  if (order.force) {
    // The word of a person who has looked, not of a script that always says so.
    std::cerr << "Type the host's name to confirm that " << order.host << " is off: " << std::flush;
    std::string typed;
    std::getline(std::cin, typed);
    if (typed != order.host) {
      return output.fail(trouble(kBadInput, "\"" + typed + "\" is not " + order.host, "", "the host's name"));
    }
  }
  const auto done = client.post("/v1/operator", {{"verb", order.verb},
                                                 {"resource", order.resource},
                                                 {"host", order.host},
                                                 {"by", who()},
                                                 {"force", order.force}});
  if (!done) return output.fail(done.error());
  output.line(done->at("text").get<std::string>());
  output.object({{"ok", true}, {"text", done->at("text")}});
  return kDone;
}

}  // namespace haven::cli
