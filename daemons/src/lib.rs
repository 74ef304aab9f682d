//! spiderpoolctl, and later the agent and the controller.
