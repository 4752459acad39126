% Run the MATLAB codes of STAViS and of the MIT benchmark, by GNU Octave with its image package.
%
%   python tests/protocol_cases.py SEQUENCE cases.npz
%   python benchmarks/reference_scores/to_mat.py cases.npz cases.mat
%   octave-cli benchmarks/reference_scores/run_octave.m CODES cases.mat stavis.json dhf1k.json
%
% CODES holds checkouts of STAViS, of cvzoya/saliency (its code_forMetrics) and of ViNet, whose
% code_for_Metrics has makeFixationMap.m. Predictions have the size of their frames: imresize of
% Octave is not that of MATLAB. What is random is run 20 times; mean and standard error are written.
pkg load image
arguments = argv();
[codes, cases_file, stavis_file, dhf1k_file] = deal(arguments{:});
addpath(fullfile(codes, 'ViNet', 'code_for_Metrics'));
addpath(fullfile(codes, 'STAViS', 'eval_code'));
addpath(fullfile(codes, 'saliency', 'code_forMetrics'));
rand('seed', 1);
stored = load(cases_file);
frames = permute(stored.all_fixations, [2 3 1]);
for i = 1:size(frames, 3)
  eyeMaps{i}.eyeMap = frames(:, :, i);
end
everywhere = double(createShuffmap1(eyeMaps));

function value = repeated(score)
  for i = 1:20
    values(i) = score();
  end
  value = [mean(values), std(values) / sqrt(20)];
end

stavis = struct(); dhf1k = struct();
for i = 1:numel(stored.cases)
  one = stored.cases{i};
  eyeMap = double(one.fixations); density = im2double(one.density);
  saliency = postprocessMap(im2double(one.prediction), 2);
  shuffled = everywhere; shuffled(eyeMap == 1) = 0;
  stavis.(one.name) = struct('CC', CC(saliency, density), 'SIM', similarity(saliency, density), ...
    'NSS', NSS(saliency, eyeMap), 'AUC_J', repeated(@() AUC_Judd(saliency, eyeMap)), ...
    's_AUC', repeated(@() AUC_shuffled(saliency, eyeMap, shuffled)));
  saliency = double(one.prediction); density = double(one.density) / 255;
  % As a map is that bicubic resizing has taken below zero in the dark.
  divergence = KLdiv(saliency - 0.3 * (saliency < 4), density);
  dhf1k.(one.name) = struct('KL_below_zero', real(divergence), 'CC', CC(saliency, density), ...
    'KL', KLdiv(saliency, density), 'SIM', similarity(saliency, density), ...
    'NSS', NSS(saliency, eyeMap), 'AUC_J', repeated(@() AUC_Judd(saliency, eyeMap)));
end

% Where the fixations of a frame of one size fall in one of another, as evaluationFunc.m has it.
sizes = {[30 40], [24 50]; [24 50], [30 40]; [404 720], [360 480]; [20 20], [20 20]};
for i = 1:rows(sizes)
  [before, after] = sizes{i, :};
  [row, column] = find(everywhere(1:before(1), 1:before(2)) | mod(reshape(1:prod(before), before), 37) == 0);
  points = [column row] .* repmat(after ./ before, numel(row), 1);
  [row, column] = find(makeFixationMap(after, points));
  dhf1k.moved{i} = struct('before', before, 'after', after, 'count', numel(row), ...
    'row_sum', sum(row - 1), 'column_sum', sum(column - 1), ...
    'hash', sum(mod((row - 1) * 7919 + (column - 1) * 104729, 99991)));
end
for pair = {stavis_file, stavis; dhf1k_file, dhf1k}'
  file = fopen(pair{1}, 'w'); fprintf(file, '%s', jsonencode(pair{2}, 'ConvertInfAndNaN', false)); fclose(file);
end
