import { render } from "preact";
import { App } from "./App";
import "./style/base.css";
import "./style/parts.css";
import "./style/frame.css";
import "./style/flow.css";
import "./style/views.css";
import "./theme";

const root = document.getElementById("console");
if (root) {
  render(<App />, root);
}
