// In the place of libraries that no panel of ours uses: the editor and the maps.
export default {};
export const loader = {};
