"""The client of a worker that runs models, for panels (:mod:`.client`) and scripts (:mod:`.session`)."""
