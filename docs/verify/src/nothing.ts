/** Stands in for Node's modules, which no browser has. */
export default {};
