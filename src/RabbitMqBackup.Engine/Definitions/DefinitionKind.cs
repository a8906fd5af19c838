namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Kinds of objects in definitions, in the order in which an import has to create them.</summary>
public enum DefinitionKind
{
    /// <summary>A virtual host.</summary>
    VirtualHost,

    /// <summary>A user.</summary>
    User,

    /// <summary>A user's rights in a virtual host.</summary>
    Permission,

    /// <summary>A parameter of a component in a virtual host: shovels, federation upstreams, operator policies, limits.</summary>
    Parameter,

    /// <summary>A parameter of the cluster.</summary>
    GlobalParameter,

    /// <summary>A policy.</summary>
    Policy,

    /// <summary>An exchange.</summary>
    Exchange,

    /// <summary>A user's rights on the topics of an exchange, which 4.3 wants to be there first.</summary>
    TopicPermission,

    /// <summary>A queue.</summary>
    Queue,

    /// <summary>A binding.</summary>
    Binding,
}
