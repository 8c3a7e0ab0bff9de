/** The store that loads use, unless they are given another. */
export const DEFAULT_DIRECTORY = 'paceline-models';
