using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions.Transformations;

/// <summary>
/// Mirrored classic queues become quorum queues. Measured on 3.10, 4.0 and 4.3: a quorum queue is refused with x-max-priority, x-queue-mode, x-queue-version, x-queue-master-locator, not durable or
/// auto-delete; reject-publish-dlx it accepts but does not do.
/// </summary>
internal sealed class PrepareForQuorum()
    : Transformation("PrepareForQuorum", "Makes classic queues that a policy mirrors quorum queues, without the arguments that those can't have; queues that are deleted with their last consumer stay classic.")
{
    private const string NoQuorumOverflow = "reject-publish-dlx";

    private static readonly string[] Incompatible = ["x-max-priority", "x-queue-mode", "x-queue-version", "x-queue-master-locator", "x-ha-policy"];

    internal override DefinitionsDocument Apply(DefinitionsDocument document, List<TransformationChange> changes)
    {
        EffectivePolicy policies = new(document.Policies.Select(policy => PolicyRule.FromJson(policy.Json)), []);
        return document.WithObjects(document.Objects.Select(item => item is QueueDefinition { Type: QueueTypes.Classic } queue
            && policies.UserPolicy(new(queue.VirtualHost ?? "", queue.Name), QueueTypes.Classic) is { } policy && policy.Definition.Keys.Any(RemoveClassicMirroring.IsMirroring) ? Convert(queue, policy, changes) : item));
    }

    private DefinitionObject Convert(QueueDefinition queue, PolicyRule policy, List<TransformationChange> changes)
    {
        if (queue.AutoDelete)
        {
            changes.Add(Change(queue, "left classic: it is deleted with its last consumer, which a quorum queue can't be"));
            return queue;
        }

        List<string> done = ["made a quorum queue"];
        DefinitionObject converted = queue.With(json =>
        {
            if (json["arguments"] is not JsonObject arguments)
            {
                json["arguments"] = arguments = [];
            }

            arguments["x-queue-type"] = QueueTypes.Quorum;
            json.Remove("type");
            if (!queue.Durable)
            {
                json["durable"] = true;
                done.Add("made durable");
            }

            foreach (string argument in Incompatible.Where(arguments.ContainsKey))
            {
                arguments.Remove(argument);
                done.Add($"{argument} removed");
            }

            if (arguments["x-overflow"] is JsonValue overflow && overflow.TryGetValue(out string? behaviour) && behaviour == NoQuorumOverflow)
            {
                arguments["x-overflow"] = "reject-publish";
                done.Add($"x-overflow {NoQuorumOverflow} made reject-publish");
            }
        });
        if (policy.ApplyTo == "classic_queues" && policy.Definition.Keys.Any(key => !RemoveClassicMirroring.IsMirroring(key)))
        {
            done.Add($"what else the policy '{policy.Name}' sets has no effect on it any more, since that is for classic queues");
        }
        else if (policy.Definition.GetValueOrDefault("overflow") as string == NoQuorumOverflow)
        {
            done.Add($"the policy's overflow {NoQuorumOverflow} has no effect any more");
        }

        changes.Add(Change(queue, string.Join(", ", done)));
        return converted;
    }
}
