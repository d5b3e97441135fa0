/** What takes minutes is for the night: `npm run test:nightly`. */
export const isNight = process.env.GATEHOUSE_NIGHTLY === "1";

/** The reason stands in the name, where every reporter shows it. */
export const byNight = isNight ? "" : " (nightly: GATEHOUSE_NIGHTLY=1)";
