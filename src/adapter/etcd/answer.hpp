// What an answer of etcd, or its absence, says about a request.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

namespace haven::adapter::etcd {

enum class Verdict {
  refused,    // it did not happen and will not, wherever it is sent
  elsewhere,  // it did not happen; another member, or this one later, may do it
  unclear,    // it may have happened, or may yet
};

// Of a status that is not OK. Only what etcd surely says before it proposes a request, or when it applies one as a
// whole that does nothing, is taken for "did not happen".
[[nodiscard]] Verdict verdict(const grpc::Status& status);

// What it says, for a person.
[[nodiscard]] std::string wording(const grpc::Status& status);

// Did etcd itself answer, however badly? Otherwise the connection broke or nobody answered.
[[nodiscard]] bool said_by_etcd(const grpc::Status& status);

}  // namespace haven::adapter::etcd
